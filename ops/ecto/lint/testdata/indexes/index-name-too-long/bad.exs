defmodule Demo.Repo.Migrations.Fixture do
  use Ecto.Migration

  def change do
    create table(:subscription_notification_preferences) do
      add :subscription_identifier, :bigint
      add :notification_identifier, :bigint
    end

    create index(:subscription_notification_preferences, [:subscription_identifier, :notification_identifier]) # expect: index-name-too-long warning
  end
end
