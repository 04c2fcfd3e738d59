# Access to partners (888899990000) through Rolecall

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81"
    }
  }
}

resource "aws_iam_openid_connect_provider" "rolecall" {
  url            = "https://id.example.com"
  client_id_list = ["rolecall"]
}

resource "aws_iam_role" "role_Auditor465b5967" {
  name                 = "Auditor"
  path                 = "/"
  description          = "Rolecall: Auditor"
  max_session_duration = 3600
  permissions_boundary = "arn:aws:iam::888899990000:policy/Boundary"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Principal" = {
          "Federated" = "arn:aws:iam::888899990000:oidc-provider/id.example.com"
        }
        "Action" = "sts:AssumeRoleWithWebIdentity"
        "Condition" = {
          "StringEquals" = {
            "id.example.com:aud" = "rolecall"
          }
        }
      },
    ]
  })
  depends_on = [aws_iam_openid_connect_provider.rolecall]
}

resource "aws_iam_role_policy_attachment" "role_Auditor465b5967_SecurityAuditecbfb9d7" {
  role       = aws_iam_role.role_Auditor465b5967.name
  policy_arn = "arn:aws:iam::aws:policy/SecurityAudit"
}

resource "aws_iam_role_policy" "role_Auditor465b5967" {
  name = "permissions"
  role = aws_iam_role.role_Auditor465b5967.name
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
