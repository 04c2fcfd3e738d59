"""Configures Ceph's radosgw and uses its S3, with boto3.

Reads JSON from stdin. `do: setup`: registers the issuer and creates two roles, of which only `role` trusts it for this audience;
prints the ARN of the role. `do: list`: creates a bucket with these credentials and prints the buckets that they list.
"""

import base64
import hashlib
import json
import sys
import urllib.request

import boto3

REGION = "default"


def client(service, endpoint, key, secret, token=None):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def minified(statement):
    # radosgw does not decode `+` in a form as a space.
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def set_up(told):
    with urllib.request.urlopen(told["issuer"] + "/jwks") as answer:
        certificate = base64.b64decode(json.load(answer)["keys"][0]["x5c"][0])
    thumbprint = hashlib.sha1(certificate).hexdigest().upper()
    iam = client("iam", told["endpoint"], *told["key"])
    provider = iam.create_open_id_connect_provider(
        Url=told["issuer"], ClientIDList=[told["audience"]], ThumbprintList=[thumbprint]
    )["OpenIDConnectProviderArn"]
    host = told["issuer"].split("://")[1]
    arns = {}
    for role, audience in [(told["role"], told["audience"]), ("Forbidden", "nobody")]:
        trust = {
            "Effect": "Allow",
            "Principal": {"Federated": [provider]},
            "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
            "Condition": {"StringEquals": {host + ":app_id": audience}},
        }
        arns[role] = iam.create_role(RoleName=role, AssumeRolePolicyDocument=minified(trust))["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::*"}
        iam.put_role_policy(RoleName=role, PolicyName="s3", PolicyDocument=minified(allowed))
    return {"role": arns[told["role"]]}


def list_buckets(told):
    credentials = told["credentials"]
    s3 = client(
        "s3",
        told["endpoint"],
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
    )
    s3.create_bucket(Bucket=told["bucket"])
    return {"buckets": [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]}


told = json.load(sys.stdin)
print(json.dumps({"setup": set_up, "list": list_buckets}[told["do"]](told)))
