"""EC2 of the local AWS: moto's EC2, with the behaviour of images that moto lacks, added on top of its classes.

Where a behaviour of AWS is modelled, the comment names the entry of docs/reference/aws-behaviour.md
that it comes from. "Not documented" marks a behaviour that no public page or report shows: there the
stricter reading is modelled, so that nobody leans on the lenient one.
"""
