cgwarden_fuzz(policy_yaml policy)
cgwarden_fuzz(workload_yaml policy)
cgwarden_fuzz(agent_yaml policy)
cgwarden_fuzz(glob policy)
