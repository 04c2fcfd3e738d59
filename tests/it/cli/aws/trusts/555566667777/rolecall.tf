# Access to legacy (555566667777) through Rolecall

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81"
    }
  }
}

resource "aws_iam_user" "rolecall" {
  name                 = "rolecall"
  permissions_boundary = "arn:aws:iam::555566667777:policy/Boundary"
}

resource "aws_iam_user_policy_attachment" "rolecall_SecurityAuditecbfb9d7" {
  user       = aws_iam_user.rolecall.name
  policy_arn = "arn:aws:iam::aws:policy/SecurityAudit"
}

resource "aws_iam_user_policy_attachment" "rolecall_1" {
  user       = aws_iam_user.rolecall.name
  policy_arn = aws_iam_policy.rolecall_1.arn
}

resource "aws_iam_policy" "rolecall_1" {
  name = "rolecall-user-1"
  path = "/"
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Action"   = "s3:GetObject"
        "Effect"   = "Allow"
        "Resource" = "arn:aws:s3:::home-$${aws:PrincipalTag/user}/*"
      },
    ]
  })
}

resource "aws_iam_user_policy" "rolecall" {
  name = "federation"
  user = aws_iam_user.rolecall.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect"   = "Allow"
        "Action"   = ["sts:GetFederationToken", "sts:TagSession"]
        "Resource" = "arn:aws:sts::555566667777:federated-user/*"
      },
    ]
  })
}
