defmodule Demo.Migration do
  @moduledoc "What migrations of this application use instead of Ecto.Migration."

  defmacro __using__(_opts) do
    quote do
      use Ecto.Migration
      import Demo.Migration

      @lock_timeout "5s"

      def after_begin do
        execute("SET LOCAL lock_timeout = '#{@lock_timeout}'", "SET LOCAL lock_timeout = '#{@lock_timeout}'")
      end
    end
  end

  def add_owner(table) do
    alter table(table) do
      add :owner_id, references(:accounts, validate: false)
    end
  end

  defmacro audited(name, do: block) do
    quote do
      create table(unquote(name)) do
        unquote(block)
        timestamps(type: :utc_datetime_usec)
      end

      create index(unquote(name), [:inserted_at])
    end
  end
end
