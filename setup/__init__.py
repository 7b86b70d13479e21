"""Files that provisioning applies: schema scripts, DMS settings and roles; and the demo."""
