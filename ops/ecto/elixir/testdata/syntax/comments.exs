# first
# second

foo() # trailing
# before bar
bar(
  # in arguments
  1, # after one
  2
  # before the end
)

# before the pipeline
a
# in the pipeline
|> b()

case x do
  # before a clause
  1 -> 2
  # before another
  3 ->
    # before a body
    4
    # at the end
end
# last
