"""Starts ministack as the local AWS needs it: bound to 127.0.0.1, nothing kept, aws.* events let in by a side
door, and one identity for each Lambda function. ministack itself is not changed; what is wrapped is listed in
the README beside this package."""
