"""What is measured and not tested: times depend on the machine, so no test asks for them."""
