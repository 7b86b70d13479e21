"""AWS DMS, driven through boto3."""
