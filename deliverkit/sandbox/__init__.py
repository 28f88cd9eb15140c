"""The sandbox: an AWS in one local process, so that a whole delivery can be rehearsed with real boto3 over real HTTP.

moto answers for S3, STS, IAM, EC2, SNS, SQS, CloudWatch, DynamoDB, KMS, SSM and many more. In front of it stand our own
CodePipeline and CodeDeploy, which really execute: stages run, approvals wait, hooks are real processes on simulated
instances. The sandbox is a server; deliverkit is merely one of its clients, and neither imports the other.

The rooms:
    kernel/        what every service stands on: virtual clock, timers, operations, botocore's models, the wire protocol
    moto_base      the one module that touches moto's insides
    codepipeline/  one module per operation family, the engine apart from the protocol
    codedeploy/    the same, with the command queue that host agents poll
    agent/         the host agent: a client of that queue that unpacks, copies and runs hooks
    instances      EC2 instances as directories with a loopback address of their own
    alarms/        CloudWatch alarms that change state as data arrives and time passes
    access/        which operation a request asks for, and whether its caller may
    faults/        throttling, lost connections and regions, broken hosts: one module for each kind
    control/       the sandbox's own endpoints: its clock and its weather
    front, server  the HTTP front that routes by the SigV4 credential scope, and the process around it
"""
