defmodule Changelog.Repo.Migrations.RenameHandleToUsername do
  use Ecto.Migration

  def change do
    rename table(:people), :handle, to: :username
  end
end
