"""EC2 of the local AWS: moto's EC2, with the behaviour of images that moto lacks, added on top of its classes.

Where a behaviour of AWS is modelled, the comment names the section of the project's reference "AWS facts for AMI
automation" (aws-facts) it comes from. CNV marks what that reference could not verify: there the stricter reading is
modelled, so that nobody leans on the lenient one.
"""
