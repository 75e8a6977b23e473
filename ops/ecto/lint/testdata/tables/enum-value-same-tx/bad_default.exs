defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "ALTER TYPE mood ADD VALUE 'glad' AFTER 'sad'" # expect: enum-value-same-tx error

    alter table(:people) do
      add :mood, :mood, default: "glad"
    end
  end

  def down, do: :ok
end
