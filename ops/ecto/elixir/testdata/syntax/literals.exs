# Numbers, atoms, strings, and what else stands for itself.
[0, 1, 1_000_000, 0x1F, 0o17, 0b1010, 0xDEAD_beef, 123456789012345678901234567890]
[0.0, 1.5, 1_000.25, 1.0e10, 1.0e-10, 2.5E+3, 123.456e7]
[?a, ?A, ?\n, ?\s, ?\\, ?", ?é, ?\e, ?#, ?(, ?~, ?0, ?\0]
[:a, :ok?, :bang!, :Foo, :a@b, :_x, :"quoted atom", :"with \"quotes\"", :'single', :éa]
[:+, :-, :==, :===, :!, :@, :., :.., :..., :"..//", :<<>>, :%{}, :{}, :%, :&, :&&&, :|>, :->, :/, :"=>", :::, :<-, :\\, :**]
[true, false, nil, :true]
{}
{1}
{1, 2}
{1, 2, 3}
{1, a: 2}
[]
[1,]
[a: 1, b: 2]
[1, a: 2,]
["quoted key": 1, "another": 2, 'single': 3]
[+: 1, -: 2, do: 3, end: 4, nil: 5, Foo: 6, <<>>: 7, %{}: 8, {}: 9, &: 10, .: 11, when: 12, fn: 13, ok?: 14, not: 15]
'charlist'
'it\'s'
''
""
"tab\t newline\n quote\" backslash\\ hash\# unicode\u00e9 \u{1F600} hex\x41 nul\0 esc\e bell\a any\q"
"line one
  line two \
joined"
"日本語 é 👩‍👩‍👧 e\u0301" <> "after"
%{}
%{a: 1}
%{"a" => 1, :b => 2, c: 3}
%{1 => 2, 3 => 4,}
<<1, 2, 3>>
<<a::8, b::binary-size(2), rest::bitstring>>
<<"text", 0x00::size(8)-unit(1)>>
<<>>
