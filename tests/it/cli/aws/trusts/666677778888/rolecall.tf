# Access to research (666677778888) through Rolecall

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.81"
    }
  }
}

resource "aws_iam_saml_provider" "rolecall" {
  name                   = "corporate"
  saml_metadata_document = "<EntityDescriptor>\n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n$${x} %%{y} \"z\" \\ \n</EntityDescriptor>\n"
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
          "Federated" = "arn:aws:iam::666677778888:saml-provider/corporate"
        }
        "Action" = ["sts:AssumeRoleWithSAML", "sts:SetSourceIdentity"]
        "Condition" = {
          "StringEquals" = {
            "SAML:aud" = ["https://signin.aws.amazon.com/saml", "https://eu-west-1.signin.aws.amazon.com/saml"]
          }
          "StringLike" = {
            "sts:SourceIdentity" = "*@example.com"
          }
        }
      },
    ]
  })
  depends_on = [aws_iam_saml_provider.rolecall]
}

resource "aws_iam_role_policy_attachment" "role_Developerc4a8cdca_PowerUserAccessd193bff1" {
  role       = aws_iam_role.role_Developerc4a8cdca.name
  policy_arn = "arn:aws:iam::aws:policy/PowerUserAccess"
}
