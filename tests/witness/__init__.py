"""Being a witness of others' logs."""
