# Access to 222233334444 through Rolecall

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81"
    }
  }
}

resource "aws_iam_role" "role_Spoke8f1967d6" {
  name                 = "Spoke"
  path                 = "/rolecall/"
  description          = "Rolecall: intermediate role Spoke"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::999988887777:role/hub"
        }
        "Action" = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        "Condition" = {
          "StringEquals" = {
            "aws:PrincipalTag/rolecall:account"        = "333344445555"
            "aws:PrincipalTag/rolecall:permission-set" = "Developer"
          }
          "StringLike" = {
            "aws:SourceIdentity" = "*@example.com"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "role_Spoke8f1967d6" {
  name = "permissions"
  role = aws_iam_role.role_Spoke8f1967d6.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect"   = "Allow"
        "Action"   = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        "Resource" = "arn:aws:iam::333344445555:role/rolecall/Developer"
      },
    ]
  })
}
