# severity: missing-lock-timeout=warning
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "SET LOCAL lock_timeout = '5s'"

    alter table(:posts) do
      add :body, :text
    end
  end

  def down, do: :ok
end
