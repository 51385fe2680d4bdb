cgwarden_fuzz(listen_address exporters)
cgwarden_fuzz(accept exporters)
