if a do
  b
end

if a do
else
end

if a, do: b, else: c

if(a, do: b)

if a do b else c end

unless a do
  b
end

foo do
end

foo do end

foo() do
  1
end

foo(1) do
  1
end

foo 1, b: 2 do
  1
  2
end

foo.bar do
  1
end

foo.bar 1 do
  1
end

foo.(1) do
  1
end

foo(1)(2) do
  3
end

foo bar do
  1
end

foo bar(1) do
  1
end

foo bar 1, 2 do
  1
end

x = foo do
  1
end

case x do
  1 -> :one
  2 when a -> :two
  {a, b} when a > b and
    b > 1 ->
    c
    d
  _ ->
end

case x do a -> b; c -> d end

cond do
  a -> b
  true -> c
end

try do
  a
rescue
  e in [Foo, Bar] -> b
  _ -> c
catch
  :exit, reason -> d
  kind, reason when kind in [:a] -> e
else
  x -> y
after
  f
end

receive do
  {:a, b} -> c
after
  1000 -> d
end

with {:ok, a} <- b(),
     c = d(a),
     {:ok, e} when e > 1 <- f(c) do
  g
else
  :error -> h
  {:error, i} -> j
end

for a <- b, c <- d, a > c, into: %{}, do: {a, c}

for <<c <- "abc">>, uniq: true do
  c
end

for a <- b, reduce: 0 do
  acc -> acc + a
end

fn -> 1 end
fn a -> a end
fn a, b -> a + b end
fn (a, b) -> a end
fn () -> 1 end
fn (a, b) when c -> d end
fn a, b when c -> d end
fn a: 1 -> 2 end
fn
  1 -> :one
  2 -> :two
end
fn a ->
  b
  c
end
fn {:ok, a}, _ -> a; _, b -> b end

(a)
(a; b)
(
  a
  b
)
()
(a -> b)
(a, b -> c)
((a, b) -> c)
(-> a)
(() -> a)
(() when a -> b)
(a -> b; c -> d)
((a, b -> c) -> d)

a; b; c
a;

defmodule Foo do
  @moduledoc false

  def foo, do: 1
  def foo(), do: 1
  def foo(a), do: a
  def foo(a) when a > 1, do: a
  def foo(a, b \\ 1)
  def foo(a) when is_integer(a) do
    a
  rescue
    e -> e
  end

  defp bar(%{a: a} = b, [c | d]) do
    {a, b, c, d}
  end

  defmacro baz(a) do
    quote do
      unquote(a) + 1
    end
  end

  defmodule Inner do
  end
end

defimpl Foo, for: [Bar, Baz] do
  def a(b), do: b
end
