"""Becomes a profile's role and prints who that is. With a number, in that many processes, which all begin at once.

Arguments: the profile (empty for credentials in environment variables), the number of processes. Exits with 1 when any of them failed.
"""

import multiprocessing
import sys

import boto3


def who(profile):
    return boto3.Session(profile_name=profile or None).client("sts").get_caller_identity()["Arn"]


def process(gate, answers, profile):
    gate.wait()
    try:
        answers.put((True, who(profile)))
    except Exception as error:
        answers.put((False, f"{type(error).__name__}: {error}"))


def main():
    profile, count = sys.argv[1], int(sys.argv[2])
    # Forked, so that importing boto3 does not keep them from being at the same point at the same time.
    context = multiprocessing.get_context("fork")
    gate, answers = context.Barrier(count), context.Queue()
    processes = [context.Process(target=process, args=(gate, answers, profile)) for _ in range(count)]
    for one in processes:
        one.start()
    told = [answers.get(timeout=100) for _ in processes]
    for one in processes:
        one.join()
    for _, text in told:
        print(text)
    sys.exit(not all(good for good, _ in told))


main()
