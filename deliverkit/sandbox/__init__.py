"""The sandbox: an AWS in one local process, so that a whole delivery can be rehearsed with real boto3 over real HTTP.

moto answers for S3, STS, IAM, EC2, SNS, SQS, CloudWatch, DynamoDB, KMS, SSM and many more. In front of it stand our own
CodePipeline and CodeDeploy, which really execute: stages run, approvals wait, hooks are real processes on simulated
instances. The sandbox is a server; deliverkit is merely one of its clients, and neither imports the other.
`docs/architecture.md` shows its rooms.
"""
