defmodule Sent.Callbacks do
  use Ecto.Migration

  def after_begin do
    execute("SET lock_timeout TO '5s'", "SET lock_timeout TO '10s'")
    repo().query!("SELECT 'at once'")
  end

  def before_commit do
    execute("SELECT 'last'", "SELECT 'last on the way back'")
  end

  def change do
    create table(:a)
    repo().query!("SELECT 'before the table'")
    execute(fn -> repo().query!("SELECT 'in order'") end, &back/0)
    execute(&there/0, fn -> nil end)
    rename table(:a), to: table(:b)
  end

  defp there, do: repo().query!("SELECT 'there'")
  defp back, do: repo().query!("SELECT 'back'")
end
