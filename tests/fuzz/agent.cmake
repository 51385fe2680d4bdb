cgwarden_fuzz(image_config agent)
cgwarden_fuzz(image_user agent)
