# Access to payments-prod (111122223333) through Rolecall

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
  url            = "https://sso.example.com"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "role_ReadOnly9d696bc7" {
  name                 = "ReadOnly"
  path                 = "/"
  description          = "Rolecall: ReadOnly"
  max_session_duration = 28800
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Principal" = {
          "Federated" = "arn:aws:iam::111122223333:oidc-provider/sso.example.com"
        }
        "Action" = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]
        "Condition" = {
          "StringEquals" = {
            "sso.example.com:aud"                    = "sts.amazonaws.com"
            "aws:RequestTag/rolecall:account"        = "111122223333"
            "aws:RequestTag/rolecall:permission-set" = "ReadOnly"
          }
          "Bool" = {
            "sts:RoleAuthorizedByIdp" = "true"
          }
        }
      },
    ]
  })
  depends_on = [aws_iam_openid_connect_provider.rolecall]
}

resource "aws_iam_role_policy_attachment" "role_ReadOnly9d696bc7_ReadOnlyAccess2a3bda39" {
  role       = aws_iam_role.role_ReadOnly9d696bc7.name
  policy_arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_role" "role_Audit96827d66" {
  name                 = "Audit"
  path                 = "/rolecall/"
  description          = "Rolecall: Audit"
  max_session_duration = 14400
  permissions_boundary = "arn:aws:iam::111122223333:policy/Boundary"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Principal" = {
          "Federated" = "arn:aws:iam::111122223333:oidc-provider/sso.example.com"
        }
        "Action" = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]
        "Condition" = {
          "StringEquals" = {
            "sso.example.com:aud"                    = "sts.amazonaws.com"
            "aws:RequestTag/rolecall:account"        = "111122223333"
            "aws:RequestTag/rolecall:permission-set" = "Developer@audit"
          }
          "Bool" = {
            "sts:RoleAuthorizedByIdp" = "true"
          }
          "StringLike" = {
            "sts:SourceIdentity" = "*@example.com"
          }
        }
      },
    ]
  })
  depends_on = [aws_iam_openid_connect_provider.rolecall]
}

resource "aws_iam_role_policy_attachment" "role_Audit96827d66_SecurityAuditecbfb9d7" {
  role       = aws_iam_role.role_Audit96827d66.name
  policy_arn = "arn:aws:iam::aws:policy/SecurityAudit"
}

resource "aws_iam_role" "role_Developerc4a8cdca" {
  name                 = "Developer"
  path                 = "/rolecall/"
  description          = "Build \"and\" run 100 %%{services} for $${team}: it's Zoë's \\ role"
  max_session_duration = 14400
  permissions_boundary = "arn:aws:iam::111122223333:policy/Boundary"
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Principal" = {
          "Federated" = "arn:aws:iam::111122223333:oidc-provider/sso.example.com"
        }
        "Action" = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"]
        "Condition" = {
          "StringEquals" = {
            "sso.example.com:aud"                    = "sts.amazonaws.com"
            "aws:RequestTag/rolecall:account"        = "111122223333"
            "aws:RequestTag/rolecall:permission-set" = ["Developer", "Developer@readonly"]
          }
          "Bool" = {
            "sts:RoleAuthorizedByIdp" = "true"
          }
          "StringLike" = {
            "sts:SourceIdentity" = "*@example.com"
          }
        }
      },
    ]
  })
  depends_on = [aws_iam_openid_connect_provider.rolecall]
}

resource "aws_iam_role_policy_attachment" "role_Developerc4a8cdca_PowerUserAccessd193bff1" {
  role       = aws_iam_role.role_Developerc4a8cdca.name
  policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}

resource "aws_iam_role_policy_attachment" "role_Developerc4a8cdca_Own7a9efdd2" {
  role       = aws_iam_role.role_Developerc4a8cdca.name
  policy_arn = "arn:aws:iam::111122223333:policy/rolecall/Own"
}

resource "aws_iam_role_policy" "role_Developerc4a8cdca" {
  name = "permissions"
  role = aws_iam_role.role_Developerc4a8cdca.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Action"   = "s3:DeleteBucket"
        "Effect"   = "Deny"
        "Resource" = "*"
      },
      {
        "Action"   = "s3:GetObject"
        "Effect"   = "Allow"
        "Resource" = "arn:aws:s3:::home-$${aws:PrincipalTag/user}/*"
      },
    ]
  })
}
