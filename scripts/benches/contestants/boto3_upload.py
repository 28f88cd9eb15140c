"""boto3's own way to upload a file, with its defaults: `boto3_upload.py FILE BUCKET`."""

import sys

import boto3

boto3.client("s3").upload_file(sys.argv[1], sys.argv[2], "bundle.zip")
