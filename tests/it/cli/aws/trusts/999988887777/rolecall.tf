# Access to 999988887777 through Rolecall

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81"
    }
  }
}

resource "aws_iam_role" "role_hub08d33503" {
  name                 = "hub"
  path                 = "/"
  description          = "Rolecall: intermediate role hub"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::999988887777:role/rolecall-gateway"
        }
        "Action" = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        "Condition" = {
          "StringEquals" = {
            "sts:ExternalId"                         = "7c2c6f6e-3f0e-4d0a-9a8f-6f2b1f3f6c55"
            "aws:RequestTag/rolecall:account"        = "333344445555"
            "aws:RequestTag/rolecall:permission-set" = "Developer"
          }
          "StringLike" = {
            "sts:SourceIdentity" = "*@example.com"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "role_hub08d33503" {
  name = "permissions"
  role = aws_iam_role.role_hub08d33503.name
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect"   = "Allow"
        "Action"   = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        "Resource" = "arn:aws:iam::222233334444:role/rolecall/Spoke"
      },
    ]
  })
}

resource "aws_iam_policy" "gateway" {
  name = "rolecall-gateway"
  policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect"   = "Allow"
        "Action"   = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
        "Resource" = "arn:aws:iam::999988887777:role/hub"
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "gateway_policy" {
  role       = "rolecall-gateway"
  policy_arn = aws_iam_policy.gateway.arn
}
