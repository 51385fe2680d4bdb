cgwarden_fuzz(image_config agent)
cgwarden_fuzz(image_user agent)
cgwarden_fuzz(subordinate_ids agent)
