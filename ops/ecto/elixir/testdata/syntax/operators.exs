a = b = c
a + b - c * d / e
a ** b ** c
-a + +b
- a
!a && !b || not c
not a and b or c
a == b != c
a === b !== c
a =~ ~r/x/
a < b and b > c and c <= d and d >= e
a <> b <> c
a ++ b -- c ++ d
a +++ b --- c
a |> b() |> c(d)
a |> B.c
a <- b
a \\ b
a :: b :: c
a | b | c
a in b
a not in b
not a in b
!a in b
not(a) in b
(not a) in b
a..b
a..b//c
1..10//-1
(..)
a ||| b &&& c
a <<< b >>> c
a ^^^ b
~~~a
a ~> b <~ c ~>> d <<~ e <~> f <|> g
^a = b
&a
a when b
a when b: c, d: e
fn a when is_integer(a) when is_float(a) -> a end
x = foo a, b
x = if a, do: b
a = if b do c end
if a do b end + 1
-if a do b end + 1
@a + 1
@a.b
@a.b.c(1)
a +
  b
a
|> b()
|> c()
a
and b
a ||
  b
first
+ second
