# severity: missing-lock-timeout=warning
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :body, :text # expect: missing-lock-timeout warning
    end
  end
end
