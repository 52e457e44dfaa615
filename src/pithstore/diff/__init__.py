"""What leads from one value, or one version, to another."""
