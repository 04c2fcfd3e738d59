"""Reads the output of `aws iam get-account-authorization-details` on stdin, as cloudsplaining does, and prints what it found as JSON: for each
role its allowed actions, and the principals of everybody that can assume it.
"""

import json
import sys

from cloudsplaining.scan.authorization_details import AuthorizationDetails

details = AuthorizationDetails(json.load(sys.stdin), flag_trust_policies=True)
roles = {}
for role in details.role_detail_list.roles:
    trust = role.assume_role_policy_document
    anybody = trust.role_assumable_by_any_principal + trust.role_assumable_by_any_principal_with_conditions
    roles[role.role_name] = {"actions": sorted(role.all_allowed_actions), "anybody": sorted(set(anybody))}
json.dump(roles, sys.stdout)
