cgwarden_fuzz(identity identity)
