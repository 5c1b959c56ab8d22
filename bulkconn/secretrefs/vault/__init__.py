"""`vault://mount/path#field`: the key/value engine of HashiCorp Vault and OpenBao, by their HTTP API."""
