"""What provisioning applies: schema scripts, DMS settings, roles, the demo."""
