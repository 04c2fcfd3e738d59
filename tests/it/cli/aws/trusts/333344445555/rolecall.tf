# Access to data-lake (333344445555) through Rolecall

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81"
    }
  }
}

resource "aws_iam_role" "role_Developerc4a8cdca" {
  name                 = "Developer"
  path                 = "/rolecall/"
  description          = "Build \"and\" run 100 %%{services} for $${team}: it's Zoë's \\ role"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    "Version" = "2012-10-17"
    "Statement" = [
      {
        "Effect" = "Allow"
        "Principal" = {
          "AWS" = "arn:aws:iam::222233334444:role/rolecall/Spoke"
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

resource "aws_iam_role_policy_attachment" "role_Developerc4a8cdca_PowerUserAccessd193bff1" {
  role       = aws_iam_role.role_Developerc4a8cdca.name
  policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}
