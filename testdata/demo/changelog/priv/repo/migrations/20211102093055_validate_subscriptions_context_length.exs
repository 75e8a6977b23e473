defmodule Changelog.Repo.Migrations.ValidateSubscriptionsContextLength do
  use Ecto.Migration

  def up do
    execute "ALTER TABLE subscriptions VALIDATE CONSTRAINT subscriptions_context_length"
  end

  def down, do: :ok
end
