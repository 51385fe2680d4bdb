cgwarden_fuzz(oci_config launcher)
cgwarden_fuzz(exit_record launcher)
cgwarden_fuzz(shim_messages launcher)
cgwarden_fuzz(scope_request launcher)
