# severity: missing-lock-timeout=warning
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def up do
    execute "SET LOCAL lock_timeout TO '5s'"
    execute "RESET lock_timeout"

    alter table(:posts) do
      add :body, :text # expect: missing-lock-timeout warning
    end
  end

  def down, do: :ok
end
