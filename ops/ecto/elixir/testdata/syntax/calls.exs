foo
foo()
foo(1)
foo(1, 2)
foo(a: 1)
foo(1, a: 1, b: 2)
foo(1, a: 1,)
foo 1
foo 1, 2
foo a: 1
foo 1, a: 1, b: 2
foo 1,
  a: 1,
  "b c": 2
foo bar 1, 2
foo(bar 1, 2)
foo bar(1), 2
foo a: bar 1, 2
foo -1
foo - 1
foo(-1)
foo [1]
foo[1]
foo {1, 2}
foo %{a: 1}
foo %Foo{}
foo <<1>>
foo (1)
foo (1), 2
foo (1 + 2) * 3
foo :a
foo @bar
foo &bar/1
foo !a
foo not a
foo fn -> 1 end
foo fn -> 1 end, 2
foo.bar
foo.bar()
foo.bar(1)
foo.bar 1, 2
foo.bar.baz
foo.bar.baz 1
foo.bar[1]
foo.bar[1].baz[2]
foo.()
foo.(1)
foo.(1).(2)
foo.bar.(1)
foo()()
foo(1)(2)
foo.bar(1)(2)
Foo
Foo.Bar
Foo.Bar.Baz
Foo.bar
Foo.bar()
Foo.bar 1
Foo.{Bar, Baz}
Foo.{Bar, Baz.Qux}
Foo.Bar.{A, B,}
__MODULE__.Foo
__MODULE__.foo(1)
foo.Bar
:foo.bar
:foo.bar(1)
:"foo bar".baz()
Foo."quoted call"
Foo."quoted"(1)
Foo.+(1, 2)
Foo.and
Foo.nil
foo.do
a.
  b.
# comment
  c
foo[:a][:b]
foo[a: 1]
foo()[1]
"a"[1]
[1, 2][0]
%{a: 1}[:a]
@foo
@foo 1
@foo bar 1
@foo[1]
@foo.bar[1]
@spec foo(a, b) :: c when a: integer, b: term
@type t :: %__MODULE__{a: integer | nil, b: (integer, term -> atom)}
@type f :: (-> any) | (... -> any)
@callback handle(a :: term) :: {:ok, term} | :error
&foo/1
&Foo.bar/2
&foo.bar/1
&(&1 + &2)
&{&1, &2}
&[&1 | &2]
&"#{&1}"
& &1
& &1.foo
&1
&Foo.bar(&1, 1)
&+/2
&and/2
&!/1
&..///3
&//2
import Foo, only: [bar: 1, +: 2]
use Foo, a: 1
alias Foo.{Bar, Baz}, warn: false
%Foo{}
%Foo{a: 1}
%Foo{foo | a: 1}
%Foo{foo | :a => 1, b: 2}
%{foo | a: 1}
%{foo | "a" => 1, "b" => 2}
%{foo.bar() | a: 1}
%{a | b | c => d}
%{a => b | c}
%__MODULE__{a: 1}
%__MODULE__.Foo{}
%@foo{}
%foo{}
%^foo{}
%foo.bar{}
%{unquote_splicing(foo)}
unquote(foo)(1)
unquote(foo).bar
Foo.unquote(foo)(1)
unquote_splicing(foo)
quote do: unquote_splicing(foo)
