"""Adapters to AWS; boto3 and botocore are imported below this folder only."""
