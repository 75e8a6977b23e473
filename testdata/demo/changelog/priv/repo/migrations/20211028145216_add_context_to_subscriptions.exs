defmodule Changelog.Repo.Migrations.AddContextToSubscriptions do
  use Ecto.Migration

  def change do
    alter table(:subscriptions) do
      add :context, :text
    end

    create constraint(:subscriptions, :subscriptions_context_length,
             check: "char_length(context) <= 200",
             validate: false
           )
  end
end
