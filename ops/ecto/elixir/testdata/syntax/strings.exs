name = "x"
"plain #{name} and #{1 + 2}"
"#{name}"
"#{}"
"nested #{"inner #{name} #{%{a: "}"}}"} end"
"escaped \#{name}"
'charlist #{name}'
:"atom #{name}"
["key #{name}": 1, "k": 2]
"""
heredoc
  indented
"""
def_like = """
    two
      four
    back

    after empty
    """
"""
#{name} first
middle #{name}
last #{name}
"""
  """
    #{name}
  \tescaped \
  joined \"""
  """
'''
charlist heredoc
'''
"""
"""
~s(parens \) #{name})
~s[brackets]
~s{braces}
~s<angles>
~s|pipes|
~s/slashes \/ \n/
~s"quotes \" x"
~s'single'
~S(raw #{name} \n \))
~w(a b c)a
~w[one two]
~W(raw #{x})
~r/^a\/b+$/iu
~r{[a-z]#{name}}x
~c(charlist)
~C'raw'
~D[2020-01-01]
~T[10:00:00]
~N[2020-01-01 10:00:00]
~U[2020-01-01 10:00:00Z]
~s"""
heredoc #{name}
  in a sigil
"""
~S'''
  raw \n #{name} \'''
  '''abc
~x(custom)AbC9
[~s(a), ~w(b)a | ~s(c)]
String.upcase "a" <> "b"
