# severity: missing-lock-timeout=warning
defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      add :body, :text
    end
  end

  def after_begin do
    repo().query!("SET LOCAL lock_timeout TO '5s'")
  end
end
