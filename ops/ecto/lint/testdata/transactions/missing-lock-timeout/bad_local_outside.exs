# severity: missing-lock-timeout=warning nontx-multiple-operations=off
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  @disable_ddl_transaction true

  def up do
    execute "SET LOCAL lock_timeout TO '5s'"

    alter table(:posts) do
      add :body, :text # expect: missing-lock-timeout warning
    end
  end

  def down, do: :ok
end
