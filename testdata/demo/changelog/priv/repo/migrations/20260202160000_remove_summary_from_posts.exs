defmodule Changelog.Repo.Migrations.RemoveSummaryFromPosts do
  use Ecto.Migration

  def change do
    alter table(:posts) do
      remove :summary, :text
    end

    # No schema names this one any more.
    alter table(:podcasts) do
      remove :position, :integer
    end
  end
end
