# severity: missing-lock-timeout=warning system=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "SET LOCAL lock_timeout TO 0"
    execute "ALTER ROLE demo SET lock_timeout TO '5s'"

    alter table(:posts) do
      add :body, :text # expect: missing-lock-timeout warning
    end
  end

  def down, do: :ok
end
