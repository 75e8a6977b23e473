foo \
  1,\
  2
# last comment, without a line break