defmodule ChangelogWeb.ErrorJSONTest do
  use ChangelogWeb.ConnCase, async: true

  test "renders 404" do
    assert ChangelogWeb.ErrorJSON.render("404.json", %{}) == %{errors: %{detail: "Not Found"}}
  end
end
