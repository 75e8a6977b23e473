defmodule Changelog.Repo.Migrations.AddNewsletterToPodcasts do
  use Ecto.Migration

  def change do
    alter table(:podcasts) do
      add :newsletter, :string
    end
  end
end
