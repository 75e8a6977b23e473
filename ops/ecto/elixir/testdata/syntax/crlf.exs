crlf = [
  1,
  "a
b", # comment
  """
  heredoc
    two
  """
]
foo \
  bar
