cgwarden_fuzz(process_text cli)
