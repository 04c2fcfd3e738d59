"""Runs an interactive command in a terminal and answers its prompts, as a person does.

Arguments: pairs of a prompt's text and the answer to it, in order, then `--` and the command. Prints what the terminal showed.
"""

import os
import pty
import sys

# What prompt_toolkit asks a terminal: where the cursor is.
WHERE, HERE = b"\x1b[6n", b"\x1b[1;1R"

end = sys.argv.index("--")
given, command = sys.argv[1:end], sys.argv[end + 1 :]
answers = [(prompt.encode(), answer.encode() + b"\r") for prompt, answer in zip(given[::2], given[1::2])]

child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
seen = b""
while True:
    try:
        read = os.read(terminal, 4096)
    except OSError:  # The command has closed its side.
        break
    if not read:
        break
    sys.stdout.buffer.write(read)
    sys.stdout.flush()
    for _ in range(read.count(WHERE)):
        os.write(terminal, HERE)
    seen += read
    if answers and answers[0][0] in seen:
        prompt, answer = answers.pop(0)
        seen = seen.split(prompt, 1)[1]
        os.write(terminal, answer)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
